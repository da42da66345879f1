# Warnings, hardening, sanitizers and ccache: one place for every flag.
find_program(CCACHE ccache)
if(CCACHE)
  # Objects are shared between build folders of one checkout: the folder is not part of the key. DEPEND: the compiler says
  # what a file includes; to preprocess it for the key takes a seventh of the time of a first build.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_DEPEND=1 CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
endif()

set(CMAKE_CXX_FLAGS_DEV "-O1 -g1 -DGAPLESS_DEBUG=1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g -DGAPLESS_DEBUG=1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -D_FORTIFY_SOURCE=3 -ftrivial-auto-var-init=zero -fcf-protection -fstack-clash-protection")

add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Werror
                    -fno-omit-frame-pointer -pthread
                    -Wno-missing-field-initializers)  # designated initialisers leave out what has a default
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wno-restrict)
else()
  # libstdc++ 12's stable_sort calls what it has deprecated itself.
  add_compile_options(-Wthread-safety -Wno-deprecated-declarations)
endif()
add_compile_definitions(_GLIBCXX_ASSERTIONS)

if(GAPLESS_SANITIZE)
  add_compile_options(-fsanitize=${GAPLESS_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${GAPLESS_SANITIZE})
  if(GAPLESS_TESTS)
    # Built to be run once: optimizing what a sanitizer has put in takes the compiler longer than the tests take.
    string(REPLACE "-O1" "-O0" CMAKE_CXX_FLAGS_DEV "${CMAKE_CXX_FLAGS_DEV}")
  endif()
endif()
if(GAPLESS_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
