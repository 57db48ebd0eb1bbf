"""What one would run instead, on the same core: `python -m benchmarks.peers`. Speed alone.

graph       an ONNX model, layer by layer, with random weights
networks    the peers, from their published shapes
__main__    all of them and ours, interleaved
"""
