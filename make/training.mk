# Remakes what was trained: the default bundle and the tables of docs/results.md. Included by Makefile.
DATA ?= ../shared/data
RECIPE := distill/recipes/students/student.yaml
START := runs/student/pretrained.safetensors
CALIB := synthetic_val+relit:$(DATA)/utd_depth
RELIT12 = $(BIN)/distill folds distill/recipes/students/relit12.yaml --data-root $(DATA) --start runs/student6/pretrained.safetensors
LEFT_OUT := --folds runs/folds --set folder:$(DATA)/arid_dark

.PHONY: bundle results

bundle: $(DEV)/.installed ## remake the default bundle from DATA (about two hours on two cores)
	$(BIN)/distill pretrain $(RECIPE) --data-root $(DATA) --out runs/student
	$(BIN)/distill train $(RECIPE) --data-root $(DATA) --out runs/student --start $(START)
	$(BIN)/distill folds $(RECIPE) --data-root $(DATA) --out runs/folds --start $(START)
	for fold in runs/folds/*/; do \
		$(BIN)/quantize --calib $(CALIB) --limit 192 --force --model $$fold/bundle --out $$fold/int8 || exit 1; done
	$(BIN)/edge-folds $(LEFT_OUT) --record runs/student/bundle
	$(BIN)/quantize --calib $(CALIB) --limit 384 --model runs/student/bundle --out edge/data/bundle
	$(BIN)/edge-folds $(LEFT_OUT) --member int8 --against bundle --record edge/data/bundle
	rm -rf bundles/ellar-edge-s-float32 && cp -r runs/student/bundle bundles/ellar-edge-s-float32

results: $(DEV)/.installed ## the tables of docs/results.md, on relit bodies from DATA (hours on two cores)
	$(BIN)/distill pretrain distill/recipes/students/student6.yaml --data-root $(DATA) --out runs/student6
	$(RELIT12) --out runs/relit12
	$(BIN)/python -m benchmarks.results --data-root $(DATA) --folds runs/relit12 --member int8
	for light in LL ELL; do \
		$(RELIT12) --with sources.0.light=$$light --with sources.1.light=$$light --out runs/relit12-$$light && \
		$(BIN)/python -m benchmarks.results --data-root $(DATA) --folds runs/relit12-$$light || exit 1; done
	$(BIN)/python -m benchmarks.results --data-root $(DATA)
