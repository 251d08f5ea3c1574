# Tests of sim/, and of the core by transcripts in virtual time.
ts_test(test-sim-world LIBS ts_sim SOURCES sim-fixture.c)
