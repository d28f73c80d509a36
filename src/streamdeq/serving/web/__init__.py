"""What every page and interface of this program needs of HTTP: who may come in, how many, and pictures as JPEG."""
