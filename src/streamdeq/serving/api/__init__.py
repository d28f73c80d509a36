"""The server of many cameras over HTTP: its interface for programs, and the page that shows and steers it.

Its modules import FastAPI and prometheus-client (the extra `serve`) as they are imported.
"""
