"""The launcher `ray`: its options, and the job as Ray sees it. Inside it, `import ray` is the library."""
