"""What annotation tools write, a file for each."""
