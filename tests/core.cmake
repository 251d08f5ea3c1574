# Tests of core/.
# base
ts_test(test-units LIBS ts_core)
ts_test(test-random LIBS ts_core)
ts_test(test-guid LIBS ts_core)
ts_test(test-ipv4 LIBS ts_core)
ts_test(test-record LIBS ts_core)
# what a world is made of
ts_test(test-topology LIBS ts_core)
ts_test(test-policy LIBS ts_core)
ts_test(test-schedule LIBS ts_core)
ts_test(test-slots LIBS ts_core)
# disks and the logs that change them
ts_test(test-extents LIBS ts_core)
ts_test(test-block-compare LIBS ts_core)
ts_test(test-apply LIBS ts_core)
ts_test(test-hrl LIBS ts_core)
ts_fuzz(fuzz-hrl ts_core)
ts_test(test-undo LIBS ts_core)
ts_fuzz(fuzz-hru ts_core PkgConfig::XXHASH)
ts_test(test-medium LIBS ts_core PkgConfig::XXHASH)
ts_fuzz(fuzz-medium ts_core PkgConfig::XXHASH)
# what crosses the wire
ts_test(test-frame LIBS ts_core PkgConfig::ZSTD PkgConfig::XXHASH)
ts_test(test-wire LIBS ts_core)
ts_fuzz(fuzz-frame ts_core PkgConfig::XXHASH)
# when a packet arrives
ts_test(test-shaper LIBS ts_core)
# the relation: states, health, both machines; operations and probe
ts_test(test-state LIBS ts_core)
ts_test(test-verbs LIBS ts_core)
ts_test(test-health LIBS ts_core)
ts_test(test-sender LIBS ts_core)
ts_test(test-receiver LIBS ts_core)
ts_test(test-history LIBS ts_core)
ts_test(test-freeze LIBS ts_core)
ts_test(test-operation LIBS ts_core)
ts_test(test-probe LIBS ts_core)
ts_test(test-console LIBS ts_core)
ts_fuzz(fuzz-console ts_core)
ts_test(test-authorization LIBS ts_core)
# what must not compile
include(banned.cmake)
