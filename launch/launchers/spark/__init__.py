"""The launcher `spark`: its options, and the job as Spark sees it."""
