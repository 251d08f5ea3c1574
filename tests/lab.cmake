# Tests of lab/.  They skip, with the reason, where the machine does not permit what they need.
# sites and the link between them
ts_test(test-site LIBS ts_lab SOURCES lab-support.c TIMEOUT 120 LABELS lab)
ts_test(test-wan LIBS ts_lab SOURCES lab-support.c TIMEOUT 180 LABELS lab)
