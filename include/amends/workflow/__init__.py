"""One verb per stage of a response. Ports come in as arguments; no vendor, no Airflow."""
