"""JSON with tokens and tags, or texts and entities: reading values, finding fields, making records of them."""
