# Tests of sim/, and of the core by transcripts in virtual time.
ts_test(test-sim-world LIBS ts_sim SOURCES sim-fixture.c)
ts_test(test-sim-failover LIBS ts_sim SOURCES sim-fixture.c)
ts_test(test-sim-crash LIBS ts_sim SOURCES sim-fixture.c TIMEOUT 300)
ts_test(test-sim-clock LIBS ts_sim)
ts_test(test-sim-disk LIBS ts_sim)
ts_test(test-sim-link LIBS ts_sim)
ts_test(test-sim-swarm LIBS ts_sim SOURCES sim-fixture.c TIMEOUT 300)
