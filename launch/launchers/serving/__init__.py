"""What runs and watches the service: its options, and the files for compose, Kubernetes, Prometheus and Grafana."""
