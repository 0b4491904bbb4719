"""Reads one topic by librdkafka and writes every record to another, by the partitioner of Kafka's Java clients.

The first record there is one that is no OTLP. Each copy is a JSON line in the dump: key, bytes, and the partition before and after.
"""

import argparse
import sys

import peer
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--dump", required=True)
    arguments = parser.parse_args()
    peer.end_with_parent()
    producer = Producer(
        {"bootstrap.servers": arguments.broker, "partitioner": "murmur2_random", "compression.type": "gzip"}
    )
    # Assigned, not subscribed: a group takes its time to form.
    consumer = Consumer({"bootstrap.servers": arguments.broker, "group.id": "copy", "enable.auto.commit": False})
    consumer.assign([TopicPartition(arguments.source, p, OFFSET_BEGINNING) for p in range(arguments.partitions)])
    producer.produce(arguments.target, key=b"broken", value=b"\xff no OTLP")
    producer.flush(10)
    print("copying", flush=True)
    while True:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            print(message.error(), file=sys.stderr, flush=True)
            continue

        def copied(error, copy, source=message):
            if error:
                print(error, file=sys.stderr, flush=True)
                return
            record = {"key": source.key().decode(), "bytes": len(source.value())}
            peer.append(arguments.dump, record | {"from": source.partition(), "to": copy.partition()})

        producer.produce(arguments.target, key=message.key(), value=message.value(), on_delivery=copied)
        producer.flush(10)


if __name__ == "__main__":
    main()
