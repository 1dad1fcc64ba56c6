"""Single objects: read, downloaded and uploaded whole or not at all, listed, deleted. Every error names the object."""

from ner_dist.stores.downloads import download as download
from ner_dist.stores.facts import Facts as Facts
from ner_dist.stores.facts import delete as delete
from ner_dist.stores.facts import facts as facts
from ner_dist.stores.facts import list_facts as list_facts
from ner_dist.stores.facts import list_objects as list_objects
from ner_dist.stores.facts import read_bytes as read_bytes
from ner_dist.stores.facts import size as size
from ner_dist.stores.uploads import upload as upload
from ner_dist.stores.uploads import write_bytes as write_bytes
