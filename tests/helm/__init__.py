"""The Helm chart: rendered with many sets of values, judged by validators, and its containers run."""
