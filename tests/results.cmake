# Tests of results/.
ts_test(test-metrics LIBS ts_results SOURCES ${PROJECT_SOURCE_DIR}/tests/results-support.c)
ts_test(test-loss LIBS ts_results SOURCES ${PROJECT_SOURCE_DIR}/tests/results-support.c)
ts_test(test-journal LIBS ts_results)
ts_test(test-ledger LIBS ts_results)
ts_fuzz(fuzz-journal ts_results)
ts_fuzz(fuzz-ledger ts_results)
ts_test(test-judge LIBS ts_results SOURCES ${PROJECT_SOURCE_DIR}/tests/results-support.c)
ts_test(test-summary LIBS ts_results SOURCES ${PROJECT_SOURCE_DIR}/tests/results-support.c)
