# What core/ and sim/ must not call does not compile there.  The flags are the rooms' own.
foreach(room core sim)
  if(TARGET ts_${room})
    file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/banned-${room}.flags CONTENT
      "$<JOIN:$<TARGET_PROPERTY:ts_${room},COMPILE_OPTIONS>,\n>\n-D$<JOIN:$<TARGET_PROPERTY:ts_${room},COMPILE_DEFINITIONS>,\n-D>\n-I$<JOIN:$<TARGET_PROPERTY:ts_${room},INCLUDE_DIRECTORIES>,\n-I>\n")
    add_test(NAME banned-${room} COMMAND ${CMAKE_COMMAND} -D COMPILER=${CMAKE_C_COMPILER}
      -D FLAGS=${CMAKE_CURRENT_BINARY_DIR}/banned-${room}.flags
      -D FOLDER=${CMAKE_CURRENT_SOURCE_DIR}/banned -P ${CMAKE_CURRENT_SOURCE_DIR}/banned/check.cmake)
    set_tests_properties(banned-${room} PROPERTIES TIMEOUT 120)
  endif()
endforeach()
