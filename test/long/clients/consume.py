"""Consumes topics whole with confluent-kafka and its AvroDeserializer, as a training job would, and prints them as JSON.

Usage: consume.py BROKERS REGISTRY TOPIC...
"""
import json
import sys
import uuid

from confluent_kafka import Consumer, KafkaError
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

brokers, registry, *topics = sys.argv[1:]
deserialize = AvroDeserializer(SchemaRegistryClient({"url": registry}))
consumer = Consumer(
    {
        "bootstrap.servers": brokers,
        "group.id": f"training-job-{uuid.uuid4()}",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
    }
)
records = {topic: [] for topic in topics}
metadata = consumer.list_topics(timeout=30)
left = {(topic, partition) for topic in topics for partition in metadata.topics[topic].partitions}
if not left:
    sys.exit("no partitions: " + ", ".join(topics))
consumer.subscribe(topics)
while left:
    message = consumer.poll(60)
    if message is None:
        sys.exit(f"nothing came for 60 s; still waiting for {left}")
    if message.error():
        if message.error().code() != KafkaError._PARTITION_EOF:
            sys.exit(str(message.error()))
        left.discard((message.topic(), message.partition()))
        continue
    value = deserialize(message.value(), SerializationContext(message.topic(), MessageField.VALUE))
    records[message.topic()].append(
        {
            "partition": message.partition(),
            "offset": message.offset(),
            "key": message.key().decode(),
            "value": value,
        }
    )
consumer.close()
json.dump(records, sys.stdout)
