# Tests of core/.
# what crosses the wire
ts_test(test-frame LIBS ts_core PkgConfig::ZSTD PkgConfig::XXHASH)
ts_test(test-wire LIBS ts_core)
