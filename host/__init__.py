"""The host side: devices, pipelines, results and the command line."""
