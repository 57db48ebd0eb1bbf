# The package as one file, to be carried to a board: dist/ellar_edge-*.whl, for this processor and any Python from 3.10.
.PHONY: wheel

wheel: $(DEV)/.installed ## the package as a wheel, in dist/
	$(BIN)/python -m build --wheel --outdir dist .
