# Precompiled headers. Tests share theirs everywhere. Rooms have them under sanitizers, and where users build (release): the dev
# build is the one in which each file compiles with what it includes itself.
set(GAPLESS_STD_HEADERS <algorithm> <charconv> <chrono> <deque> <expected> <functional> <map> <memory> <optional> <set> <span>
    <string> <string_view> <unordered_map> <utility> <variant> <vector> <fmt/format.h>)
# A test runs once: optimizing it takes the compiler longer than it takes to run.
set(GAPLESS_TEST_FLAGS -O0)

# gapless_headers(NAME LIBRARY FLAGS header...): the precompiled headers that targets take with REUSE_FROM gapless_NAME.
function(gapless_headers name library flags)
  file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/${name}.cc CONTENT "")
  add_library(gapless_${name} STATIC ${CMAKE_BINARY_DIR}/${name}.cc)
  target_link_libraries(gapless_${name} PRIVATE ${library} fmt::fmt)
  target_compile_options(gapless_${name} PRIVATE ${flags})
  target_precompile_headers(gapless_${name} PRIVATE ${ARGN} ${GAPLESS_STD_HEADERS})
endfunction()

if(GAPLESS_TESTS)
  gapless_headers(test_headers GTest::gmock "${GAPLESS_TEST_FLAGS}" <gmock/gmock.h> <gtest/gtest.h>)
endif()
if(GAPLESS_SANITIZE OR NOT GAPLESS_TESTS)
  gapless_headers(room_headers Threads::Threads "")
endif()

# gapless_room(NAME [COLD] [DEPS room...] [LIBS library...])
#
# A room is a folder: every *.cc in it is the library gapless_NAME; every *_test.cc is the test binary NAME_test,
# *_bench.cc and main.cc are left to their own targets. Adding a file needs no change here. COLD: it runs at the start and
# when a person asks; only a release optimizes it, because that takes the compiler long.
function(gapless_room name)
  cmake_parse_arguments(ROOM "COLD" "" "DEPS;LIBS;TEST_DEPS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc)
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$|/main\\.cc$")

  if(sources)
    add_library(gapless_${name} STATIC ${sources})
    set(visibility PUBLIC)
  else()
    add_library(gapless_${name} INTERFACE)
    set(visibility INTERFACE)
  endif()
  target_include_directories(gapless_${name} ${visibility} ${CMAKE_SOURCE_DIR}/src)
  if(ROOM_COLD AND GAPLESS_TESTS AND CMAKE_BUILD_TYPE STREQUAL "Dev")
    target_compile_options(gapless_${name} PRIVATE -O0)
  endif()
  if(sources AND TARGET gapless_room_headers)
    target_precompile_headers(gapless_${name} REUSE_FROM gapless_room_headers)
  endif()
  list(TRANSFORM ROOM_DEPS PREPEND gapless_)
  target_link_libraries(gapless_${name} ${visibility} ${ROOM_DEPS} ${ROOM_LIBS} fmt::fmt Threads::Threads)

  if(GAPLESS_TESTS AND tests)
    gapless_test(${name}_test SOURCES ${tests} DEPS ${name} ${ROOM_TEST_DEPS})
  endif()
endfunction()

# gapless_test(NAME [HOT] SOURCES file... [DEPS room...] [LIBS library...]): a GoogleTest binary, run by ctest. HOT: its own
# code works hard, so it is optimized like the rooms, and it is begun first.
function(gapless_test name)
  cmake_parse_arguments(TEST "HOT" "" "SOURCES;DEPS;LIBS" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  list(TRANSFORM TEST_DEPS PREPEND gapless_)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${TEST_DEPS} ${TEST_LIBS} GTest::gmock GTest::gtest_main)
  if(NOT TEST_HOT)
    target_compile_options(${name} PRIVATE ${GAPLESS_TEST_FLAGS})
    target_precompile_headers(${name} REUSE_FROM gapless_test_headers)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 2400)
  if(TEST_HOT)
    set_tests_properties(${name} PROPERTIES COST 1000)
  endif()
endfunction()
