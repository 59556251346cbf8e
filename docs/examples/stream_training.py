"""Streams a dataset's training rows into batches on disk: no row lost, none twice, however often the job is killed.

    pip install "confluent-kafka[avro,schemaregistry]"
    python stream_training.py --brokers localhost:9092 --registry http://localhost:8081 --dataset letters --version 1 --out batches

With --version it ends where the version ends; without, it waits for more. How it is exact:

- A batch is written to a temporary file, synced and renamed, and only then is its end committed to the group.
- A batch is named by the offset of its first row. Killed between the two, the job begins at the committed offset again, so it
  writes a batch of the same name over the first one.
- Transactions that are not committed are never read (`read_committed`); a restarted job takes its place in the group at once
  (`group.instance.id`), and a second one of the same name is turned away.
"""
import argparse
import json
import os
import pathlib
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--brokers", required=True)
parser.add_argument("--registry", required=True)
parser.add_argument("--prefix", default="everseed.", help="EVERSEED_PREFIX of the deployment")
parser.add_argument("--dataset", required=True)
parser.add_argument("--version", help="stop at the end of this version; without it, go on for ever")
parser.add_argument("--group", help="who reads: its offsets are where the job goes on; default: training-DATASET")
parser.add_argument("--out", required=True, type=pathlib.Path, help="folder for the batches")
parser.add_argument("--rows", type=int, default=1000, help="rows of a batch")
parser.add_argument("--seconds", type=float, default=30, help="a batch that is not full is written after so long")
options = parser.parse_args()
options.group = options.group or f"training-{options.dataset}"

topic = f"{options.prefix}training"
deserialize = AvroDeserializer(SchemaRegistryClient({"url": options.registry}))


def decoded(message):
    return deserialize(message.value(), SerializationContext(message.topic(), MessageField.VALUE))


def consumer(group, **settings):
    return Consumer(
        {
            "bootstrap.servers": options.brokers,
            "group.id": group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            **settings,
        }
    )


def version_extent():
    """Where the version ends, an offset per partition of `training`, and the ids before it that left the dataset.

    The first record of a name is the one that counts."""
    reader = consumer(f"{options.group}-versions")
    name = f"{options.prefix}versions"
    partitions = reader.list_topics(name, timeout=30).topics[name].partitions
    reader.assign([TopicPartition(name, partition, OFFSET_BEGINNING) for partition in partitions])
    wanted = f"{options.dataset}@{options.version}"
    left = set(partitions)
    try:
        while left:
            message = reader.poll(30)
            if message is None:
                raise SystemExit("the versions could not be read")
            if not message.error():
                if message.key().decode() == wanted:
                    record = decoded(message)
                    left_out = json.loads(record["manifest"]).get("excluded", {})
                    gone = {*left_out.get("retracted", []), *left_out.get("displaced", [])}
                    return dict(enumerate(record["offsets"])), gone
            elif message.error().code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition())
            else:
                raise KafkaException(message.error())
    finally:
        reader.close()
    raise SystemExit(f"there is no version {wanted}: see everseed versions list {options.dataset}")


class Batch:
    """Rows of one partition that are not on disk yet."""

    def __init__(self):
        self.rows, self.first, self.since = [], 0, 0.0

    def add(self, message, row):
        if not self.rows:
            self.first, self.since = message.offset(), time.monotonic()
        self.rows.append(row)

    def write(self, partition):
        if not self.rows:
            return
        path = options.out / f"batch-{partition:03}-{self.first:020}.jsonl"
        part = path.with_suffix(".part")
        with part.open("w") as file:
            file.writelines(json.dumps(row) + "\n" for row in self.rows)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        self.rows = []


ends, gone = version_extent() if options.version else (None, set())
options.out.mkdir(parents=True, exist_ok=True)
reader = consumer(options.group, **{"group.instance.id": f"{options.group}-1"})
# Of every partition this job has: rows that wait, and where the next record lies. All before it are on disk or in the batch.
batches, following = {}, {}


def write(partition):
    """Makes what was read durable, then says so: in this order."""
    batches[partition].write(partition)
    reader.commit(offsets=[TopicPartition(topic, partition, following[partition])], asynchronous=False)


def is_over(partition):
    return ends is not None and following.get(partition, 0) >= ends.get(partition, 0)


def assigned(group, partitions):
    # What waited for partitions that went elsewhere is read there again.
    batches.clear()
    following.clear()
    for place in group.committed(partitions, timeout=30):
        following[place.partition] = max(place.offset, 0)
        batches[place.partition] = Batch()


reader.subscribe([topic], on_assign=assigned)
try:
    while not (batches and all(is_over(partition) for partition in batches)):
        message = reader.poll(0.5)
        for partition, batch in batches.items():
            if batch.rows and time.monotonic() - batch.since >= options.seconds:
                write(partition)
        if message is None:
            continue
        partition = message.partition()
        end = ends.get(partition, 0) if ends is not None else None
        if message.error():
            if message.error().code() != KafkaError._PARTITION_EOF:
                raise KafkaException(message.error())
            # The last offsets of a log may be marks of transactions, which nobody gets to see.
            if end is not None and message.offset() >= end and not is_over(partition):
                following[partition] = end
                write(partition)
            continue
        if is_over(partition):
            continue
        if end is not None and message.offset() >= end:
            following[partition] = end
            write(partition)
            continue
        following[partition] = message.offset() + 1
        if message.value() is None:
            continue  # Not a row: it says that the row of its key was erased.
        row = decoded(message)
        if row["dataset"] == options.dataset and row["id"] not in gone:
            batches[partition].add(message, row)
            if len(batches[partition].rows) >= options.rows:
                write(partition)
finally:
    reader.close()
