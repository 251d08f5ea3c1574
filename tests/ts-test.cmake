# ts_test(NAME libs...): builds tests/NAME.c with cmocka, registers it, bounds its time.
#   TIMEOUT s   LABELS l...   SOURCES more.c   ARGS to the test
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
function(ts_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "LABELS;SOURCES;ARGS;LIBS" ${ARGN})
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/${name}.c ${T_SOURCES})
  target_link_libraries(${name} PRIVATE ${T_LIBS} ts_flags PkgConfig::CMOCKA)
  add_test(NAME ${name} COMMAND ${name} ${T_ARGS} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 60)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${T_TIMEOUT} SKIP_RETURN_CODE 77
    ENVIRONMENT "G_DEBUG=fatal-criticals" LABELS "${T_LABELS}")
endfunction()
# ts_fuzz(NAME libs...): builds tests/fuzz/NAME.c; with TS_FUZZ it is a libFuzzer target, otherwise a
# program that plays the corpus files it is given (tests/fuzz/play.c), so that every build runs them.
function(ts_fuzz name)
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}.c)
  target_link_libraries(${name} PRIVATE ${ARGN} ts_flags)
  if(TS_FUZZ)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    add_test(NAME ${name} COMMAND ${name} -max_total_time=20 -verbosity=0
      ${CMAKE_CURRENT_BINARY_DIR}/${name}.found ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/${name}.found)
    set_tests_properties(${name} PROPERTIES TIMEOUT 120 LABELS fuzz)
  else()
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/play.c)
    add_test(NAME ${name} COMMAND ${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 60 LABELS fuzz)
  endif()
endfunction()
