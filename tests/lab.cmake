# Tests of lab/.  They skip, with the reason, where the machine does not permit what they need.
# sites and the link between them
ts_test(test-dhcp LIBS ts_lab)
ts_fuzz(fuzz-dhcp ts_lab)
ts_fuzz(fuzz-cargo ts_lab)
ts_test(test-site LIBS ts_lab SOURCES lab-support.c TIMEOUT 120 LABELS lab)
ts_test(test-wan LIBS ts_lab SOURCES lab-support.c TIMEOUT 180 LABELS lab)
# the guest, and what this machine has of what it needs
set(agent ${PROJECT_SOURCE_DIR}/lab/guest)
ts_test(test-guest-channel LIBS ts_lab)
ts_fuzz(fuzz-guest ts_lab)
ts_test(test-guest-survey LIBS ts_lab
  SOURCES ${agent}/port.c ${agent}/disks.c ${agent}/survey.c ${agent}/workload.c)
ts_test(test-doctor LIBS ts_lab TIMEOUT 60)
add_test(NAME test-doctor-here COMMAND test-doctor --here)
set_tests_properties(test-doctor-here PROPERTIES TIMEOUT 120 LABELS lab SKIP_RETURN_CODE 77)
ts_test(test-guest LIBS ts_lab TIMEOUT 180 LABELS lab)
# machines, their disks, and what changes on them
ts_test(test-lab-disk LIBS ts_lab TIMEOUT 60 LABELS lab)
ts_test(test-lab-image LIBS ts_lab TIMEOUT 60 LABELS lab)
ts_test(test-machine LIBS ts_lab SOURCES machine-support.c TIMEOUT 300 LABELS lab)
ts_test(test-tracker LIBS ts_lab SOURCES machine-support.c TIMEOUT 300 LABELS lab)
set_tests_properties(test-machine test-tracker PROPERTIES PROCESSORS 2)
# frames between hosts, over TLS on loopback
ts_test(test-certificate LIBS ts_lab LABELS link)
ts_test(test-link LIBS ts_lab SOURCES link-support.c TIMEOUT 180 LABELS link)
ts_test(test-link-peers LIBS ts_lab SOURCES link-support.c TIMEOUT 180 LABELS link)
ts_test(test-gss LIBS ts_lab TIMEOUT 120 LABELS "link;kerberos")
# a host process: who it lets in
ts_test(test-lab-trust LIBS ts_lab SOURCES machine-support.c TIMEOUT 240 LABELS lab)
# logs on disk; what runs of the lab are there
ts_test(test-spool LIBS ts_lab)
ts_test(test-watch LIBS ts_lab)
ts_test(test-lab-tidy LIBS ts_lab TIMEOUT 60 LABELS lab)
# a host process alone
ts_test(test-lab-host LIBS ts_lab TIMEOUT 120 LABELS lab)
# the lab end to end, on real machines
ts_test(test-lab-world LIBS ts_lab SOURCES world-support.c TIMEOUT 600 LABELS lab)
# a machine that is not ours: UEFI, its card, its guest agent; its image is made in a second
add_test(NAME own-image COMMAND ${PROJECT_SOURCE_DIR}/scenarios/own/build-small
  ${PROJECT_SOURCE_DIR}/build/own ${TS_GUEST_DIR})
set_tests_properties(own-image PROPERTIES TIMEOUT 120 LABELS lab SKIP_RETURN_CODE 69
  FIXTURES_SETUP own-image)
ts_test(test-own-machine LIBS ts_lab SOURCES machine-support.c TIMEOUT 400 LABELS lab
  ARGS ${PROJECT_SOURCE_DIR}/build/own)
set_tests_properties(test-own-machine PROPERTIES FIXTURES_REQUIRED own-image PROCESSORS 2)
# hosts that another libvirtd drives
ts_test(test-remote LIBS ts_lab SOURCES machine-support.c world-support.c TIMEOUT 300 LABELS lab)
target_compile_definitions(test-remote PRIVATE TS_TESTS_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
set_tests_properties(test-lab-world test-remote PROPERTIES RUN_SERIAL ON)
# hosts killed at steps of what they do; all of them: test-lab-death all
ts_test(test-lab-death LIBS ts_lab SOURCES world-support.c TIMEOUT 900 LABELS lab)
set_tests_properties(test-lab-death PROPERTIES RUN_SERIAL ON)
ts_test(test-lab-move LIBS ts_lab SOURCES world-support.c TIMEOUT 600 LABELS lab)
set_tests_properties(test-lab-move PROPERTIES RUN_SERIAL ON)
# the bench: its parts; then all of it, small and without peers (it verifies the copies it measures)
ts_test(test-bench LIBS ts_lab)
add_test(NAME bench-small COMMAND twinsite bench --size 64MiB --rounds 1 --cases 5:64,5:4 --no-peers
  --only initial,delta,resync,storage --folder /tmp --out ${CMAKE_CURRENT_BINARY_DIR}/bench-small)
set_tests_properties(bench-small PROPERTIES TIMEOUT 240 LABELS lab SKIP_RETURN_CODE 69 RUN_SERIAL ON)
# what serves a vault
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
ts_test(test-store LIBS ts_lab_vault PkgConfig::SQLITE TIMEOUT 180)
ts_test(test-vault-server LIBS ts_lab_vault TIMEOUT 120)
ts_fuzz(fuzz-rest ts_lab_vault)
ts_test(test-script LIBS ts_lab TIMEOUT 120)
ts_test(test-vault-rest LIBS ts_lab TIMEOUT 180)
ts_test(test-vault-tls LIBS ts_lab TIMEOUT 120 ARGS $<TARGET_FILE:twinsite>)
# the portal in a browser, on the simulator's vault
pkg_check_modules(SOUP REQUIRED IMPORTED_TARGET libsoup-3.0)
pkg_check_modules(JSON REQUIRED IMPORTED_TARGET json-glib-1.0)
ts_test(test-portal LIBS ts_lab PkgConfig::SOUP PkgConfig::JSON SOURCES browser.c TIMEOUT 300
  ARGS $<TARGET_FILE:twinsite>)
# and on real machines, while a scenario waits for somebody who clicks
add_test(NAME test-portal-lab COMMAND test-portal $<TARGET_FILE:twinsite> ${PROJECT_SOURCE_DIR}/tests/data/portal-lab.yaml
  ${CMAKE_CURRENT_BINARY_DIR}/runs)
set_tests_properties(test-portal-lab PROPERTIES TIMEOUT 600 LABELS lab SKIP_RETURN_CODE 77 RUN_SERIAL ON)
