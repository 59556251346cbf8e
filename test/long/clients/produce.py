"""Publishes human documents with confluent-kafka and its AvroSerializer; its own hash of the key chooses the partitions.

Usage: produce.py BROKERS REGISTRY TOPIC < lines of JSON, one Document each
"""
import json
import sys

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

brokers, registry, topic = sys.argv[1:]
client = SchemaRegistryClient({"url": registry})
schema = client.get_latest_version(f"{topic}-value").schema
serialize = AvroSerializer(client, schema, conf={"auto.register.schemas": False, "use.latest.version": True})
producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True})
partitions = set()
failures = []


def delivered(error, message):
    if error:
        failures.append(str(error))
    else:
        partitions.add(message.partition())


for line in sys.stdin:
    document = json.loads(line)
    value = serialize(document, SerializationContext(topic, MessageField.VALUE))
    producer.produce(topic, key=document["id"], value=value, on_delivery=delivered)
producer.flush(60)
if failures:
    sys.exit("\n".join(failures))
json.dump(sorted(partitions), sys.stdout)
