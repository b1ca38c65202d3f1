"""The status page: what operators see of the pipeline in a browser, and the same for programs."""
