# The scenario engine's tests, and the scenarios themselves.
ts_test(test-scenario-reader LIBS ts_engine)
ts_test(test-timeline LIBS ts_engine)
ts_test(test-rejudge LIBS ts_engine ts_sim)
ts_test(test-calibration LIBS ts_engine ts_sim)
ts_fuzz(fuzz-scenario ts_engine)
ts_test(test-sim-vault LIBS ts_engine ts_sim)
ts_test(test-sim-network LIBS ts_engine ts_sim)
ts_test(test-pairwise LIBS ts_engine)
ts_test(test-sweep LIBS ts_engine)
ts_test(test-farm LIBS ts_engine ts_sim)
ts_fuzz(fuzz-sweep ts_engine)
add_test(NAME sweep-command COMMAND ${PROJECT_SOURCE_DIR}/tests/sweep-command $<TARGET_FILE:twinsite>
  ${PROJECT_SOURCE_DIR}/tests/data/sweep/small.yaml ${PROJECT_SOURCE_DIR}/scenarios/plan/ci-matrix.yml)
set_tests_properties(sweep-command PROPERTIES TIMEOUT 300 LABELS "scenario;sim")
add_test(NAME sweep-slurm COMMAND ${PROJECT_SOURCE_DIR}/tests/slurm-array $<TARGET_FILE:twinsite>
  ${PROJECT_SOURCE_DIR}/scenarios/plan/slurm-array.sh ${PROJECT_SOURCE_DIR}/tests/data/sweep/small.yaml)
set_tests_properties(sweep-slurm PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77 LABELS "scenario;sim")
add_test(NAME sweep-files COMMAND twinsite check ${PROJECT_SOURCE_DIR}/scenarios/plan/link.yaml
  ${PROJECT_SOURCE_DIR}/scenarios/plan/disaster.yaml ${PROJECT_SOURCE_DIR}/tests/data/sweep/small.yaml)
# what is told of the command
ts_test(test-manual LIBS ts_engine ARGS $<TARGET_FILE:twinsite>)
if(TS_LAB AND NOT TS_SANITIZE) # what users install has no sanitizers
  add_test(NAME package COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/check-package ${CMAKE_CPACK_COMMAND} ${PROJECT_BINARY_DIR})
  set_tests_properties(package PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)
endif()

foreach(name first-disaster planned-failover cancel-failover test-failover planned-round-trip second-thoughts unplanned-failback point-in-time change-point app-consistent freeze-fails disk-excluded disk-added disk-resized extended extended-continue extended-trouble steady wan-outage kerberos not-authorized must-fail-rpo)
  add_test(NAME scenario-sim-${name}
    COMMAND twinsite run ${PROJECT_SOURCE_DIR}/scenarios/${name}.yaml --on sim --twice --no-plots
      --out ${CMAKE_CURRENT_BINARY_DIR}/runs)
  set_tests_properties(scenario-sim-${name} PROPERTIES TIMEOUT 300 LABELS "scenario;sim"
    ENVIRONMENT "G_DEBUG=fatal-criticals")
endforeach()

# through a vault
foreach(name plan-three-tiers plan-script-fails-planned plan-script-fails-unplanned failback-by-plan plan-test-failover bad-providers vault-killed vault-unreachable site-loss host-lost
    test-forgotten disks verbs offline move)
  add_test(NAME scenario-sim-vault-${name}
    COMMAND twinsite run ${PROJECT_SOURCE_DIR}/scenarios/vault/${name}.yaml --on sim --twice --no-plots
      --out ${CMAKE_CURRENT_BINARY_DIR}/runs)
  set_tests_properties(scenario-sim-vault-${name} PROPERTIES TIMEOUT 300 LABELS "scenario;sim"
    ENVIRONMENT "G_DEBUG=fatal-criticals")
endforeach()

if(TS_LAB)
  foreach(name first-disaster planned-failover cancel-failover test-failover planned-round-trip second-thoughts unplanned-failback point-in-time app-consistent host-reboot kerberos not-authorized extended-trouble move-refused)
    add_test(NAME scenario-lab-${name}
      COMMAND twinsite run ${PROJECT_SOURCE_DIR}/scenarios/${name}.yaml --on lab --no-plots
        --out ${CMAKE_CURRENT_BINARY_DIR}/runs)
    # 69: this machine has no lab; doctor's test says what is missing
    set_tests_properties(scenario-lab-${name} PROPERTIES TIMEOUT 900 LABELS "scenario;lab"
      SKIP_RETURN_CODE 69)
  endforeach()
endif()

# a machine that is not ours: its image is made by own-image (lab.cmake)
if(TS_LAB)
  foreach(name tcp-failover)
    add_test(NAME scenario-lab-own-${name}
      COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/lab-scenario $<TARGET_FILE:twinsite>
        ${PROJECT_SOURCE_DIR}/scenarios/own/${name}.yaml --out ${CMAKE_CURRENT_BINARY_DIR}/runs)
    set_tests_properties(scenario-lab-own-${name} PROPERTIES TIMEOUT 600 LABELS "scenario;lab"
      SKIP_RETURN_CODE 77 FIXTURES_REQUIRED own-image)
  endforeach()
endif()

# a host that another libvirtd drives, which is started for it
if(TS_LAB)
  add_test(NAME scenario-lab-own-remote COMMAND test-remote $<TARGET_FILE:twinsite>
    ${PROJECT_SOURCE_DIR}/scenarios/own/remote.yaml ${CMAKE_CURRENT_BINARY_DIR}/runs)
  set_tests_properties(scenario-lab-own-remote PROPERTIES TIMEOUT 600 LABELS "scenario;lab"
    SKIP_RETURN_CODE 77)
endif()
add_test(NAME scenario-sim-own-remote
  COMMAND twinsite run ${PROJECT_SOURCE_DIR}/scenarios/own/remote.yaml --on sim --twice --no-plots
    --out ${CMAKE_CURRENT_BINARY_DIR}/runs)
set_tests_properties(scenario-sim-own-remote PROPERTIES TIMEOUT 300 LABELS "scenario;sim")

add_test(NAME strict-skip COMMAND ${PROJECT_SOURCE_DIR}/tests/strict-skip $<TARGET_FILE:twinsite>
  ${PROJECT_SOURCE_DIR}/scenarios)
set_tests_properties(strict-skip PROPERTIES TIMEOUT 60 LABELS "scenario;sim")

# many machines and a long run, short here: that counts are written out and nobody keeps a ledger
add_test(NAME scenario-sim-many
  COMMAND twinsite run ${PROJECT_SOURCE_DIR}/scenarios/published/ms-470-vms.yaml --on sim --no-plots --quiet
    --set steps.twelve-hours.at=2m --out ${CMAKE_CURRENT_BINARY_DIR}/runs)
add_test(NAME scenario-sim-speed
  COMMAND twinsite run ${PROJECT_SOURCE_DIR}/scenarios/speed/four-vms.yaml --on sim --twice --no-plots --quiet
    --set steps.cycles.at=10m --out ${CMAKE_CURRENT_BINARY_DIR}/runs)
set_tests_properties(scenario-sim-many scenario-sim-speed PROPERTIES TIMEOUT 300 LABELS "scenario;sim"
  ENVIRONMENT "G_DEBUG=fatal-criticals")
# the published resynchronization of small disks: published figures, a host's reading that takes time
add_test(NAME scenario-sim-published-resync
  COMMAND twinsite run ${PROJECT_SOURCE_DIR}/scenarios/published/ms-resync-off-peak.yaml --on sim --twice --no-plots
    --set vms.a.disks.data.size=512MiB --set vms.b.disks.data.size=512MiB
    --out ${CMAKE_CURRENT_BINARY_DIR}/runs)
set_tests_properties(scenario-sim-published-resync PROPERTIES TIMEOUT 300 LABELS "scenario;sim"
  ENVIRONMENT "G_DEBUG=fatal-criticals")
if(TS_LAB) # one process, one test: what the primary's side can suffer (the replica's: test-lab-death)
  add_test(NAME scenario-lab-resync
    COMMAND twinsite run ${PROJECT_SOURCE_DIR}/scenarios/resync-primary-crash.yaml
      ${PROJECT_SOURCE_DIR}/scenarios/resync-primary-edited.yaml
      ${PROJECT_SOURCE_DIR}/scenarios/out-of-sequence.yaml --on lab --no-plots
      --out ${CMAKE_CURRENT_BINARY_DIR}/runs)
  set_tests_properties(scenario-lab-resync PROPERTIES TIMEOUT 900 LABELS "scenario;lab"
    SKIP_RETURN_CODE 69)
endif()
# resynchronization; most of it on the lab by hand
foreach(name resync-manual resync-scheduled resync-replica-edited resync-replica-restored resync-primary-crash resync-primary-edited out-of-sequence too-much-tracked storage-trouble host-crash host-reboot state-walk state-walk-disks)
  add_test(NAME scenario-sim-${name}
    COMMAND twinsite run ${PROJECT_SOURCE_DIR}/scenarios/${name}.yaml --on sim --twice --no-plots
      --out ${CMAKE_CURRENT_BINARY_DIR}/runs)
  set_tests_properties(scenario-sim-${name} PROPERTIES TIMEOUT 300 LABELS "scenario;sim"
    ENVIRONMENT "G_DEBUG=fatal-criticals")
endforeach()

# the bench's simulator part: how fast, how much room.  Figures are not judged; a breach is
add_test(NAME bench-simulator COMMAND twinsite bench --only simulator --machines 1,50
  --out ${CMAKE_CURRENT_BINARY_DIR}/bench-simulator)
set_tests_properties(bench-simulator PROPERTIES TIMEOUT 300 LABELS "sim")
# machines and replicas that go to another host of their cloud
foreach(name move-primary move-replica move-refused)
  add_test(NAME scenario-sim-${name}
    COMMAND twinsite run ${PROJECT_SOURCE_DIR}/scenarios/${name}.yaml --on sim --twice --no-plots
      --out ${CMAKE_CURRENT_BINARY_DIR}/runs)
  set_tests_properties(scenario-sim-${name} PROPERTIES TIMEOUT 300 LABELS "scenario;sim"
    ENVIRONMENT "G_DEBUG=fatal-criticals")
endforeach()
# initial replication; the plan and the cancelled one on the lab by hand
foreach(name ir-scheduled ir-cancel ir-seeded ir-seeded-old ir-export-import medium-damaged)
  add_test(NAME scenario-sim-${name}
    COMMAND twinsite run ${PROJECT_SOURCE_DIR}/scenarios/${name}.yaml --on sim --twice --no-plots
      --out ${CMAKE_CURRENT_BINARY_DIR}/runs)
  set_tests_properties(scenario-sim-${name} PROPERTIES TIMEOUT 300 LABELS "scenario;sim"
    ENVIRONMENT "G_DEBUG=fatal-criticals")
endforeach()
if(TS_LAB)
  foreach(name ir-seeded ir-export-import)
    add_test(NAME scenario-lab-${name}
      COMMAND twinsite run ${PROJECT_SOURCE_DIR}/scenarios/${name}.yaml --on lab --no-plots
        --out ${CMAKE_CURRENT_BINARY_DIR}/runs)
    set_tests_properties(scenario-lab-${name} PROPERTIES TIMEOUT 900 LABELS "scenario;lab"
      SKIP_RETURN_CODE 69)
  endforeach()
endif()

# through a vault on real machines, the short ones; the others by hand
if(TS_LAB)
  foreach(name vault-killed bad-providers plan-script-fails-unplanned host-lost)
    add_test(NAME scenario-lab-vault-${name} COMMAND twinsite run ${PROJECT_SOURCE_DIR}/scenarios/vault/${name}.yaml
      --on lab --no-plots --out ${CMAKE_CURRENT_BINARY_DIR}/runs)
    set_tests_properties(scenario-lab-vault-${name} PROPERTIES TIMEOUT 600 LABELS "scenario;lab"
      SKIP_RETURN_CODE 69)
  endforeach()
endif()
