"""The only room that knows Airflow: connections, task functions, the approval gate."""
