"""Kafka: API versions, SASL logins, metadata, topics."""
