"""What the kernels that run on CPU cores share."""
