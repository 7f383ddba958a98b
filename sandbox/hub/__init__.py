"""The sandbox's Docker Hub: a registry with R images, and the search index of `docker search`."""
