# One library per room, programs are a thin main, tests beside the rule they prove.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(yaml-cpp CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(LibXml2 REQUIRED)
find_package(GTest CONFIG REQUIRED)
find_package(benchmark CONFIG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(BOTAN REQUIRED IMPORTED_TARGET botan-2)
pkg_check_modules(P11KIT REQUIRED IMPORTED_TARGET p11-kit-1)

# What every target of ours is compiled with.
add_library(smki_flags INTERFACE)
target_include_directories(smki_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(smki_flags INTERFACE -Wall -Wextra -Wpedantic -Werror -fstack-protector-strong -g1)
target_compile_definitions(smki_flags INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
target_link_options(smki_flags INTERFACE -fuse-ld=lld -Wl,-z,relro,-z,now)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False positives of GCC 12 at -O2 in libstdc++ headers.
  target_compile_options(smki_flags INTERFACE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds -Wno-maybe-uninitialized)
endif()
if(SMKI_SANITIZE)
  target_compile_options(smki_flags INTERFACE -fsanitize=${SMKI_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(smki_flags INTERFACE -fsanitize=${SMKI_SANITIZE})
endif()
if(SMKI_FUZZ)
  target_compile_options(smki_flags INTERFACE -fsanitize=fuzzer-no-link,address)
  target_link_options(smki_flags INTERFACE -fsanitize=address)
endif()

# smki_library(NAME SOURCES ... DEPS ...): a room, or a part of one.
function(smki_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC smki_flags ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
endfunction()

# smki_program(NAME SOURCES ... DEPS ...): lands in build/bin.
function(smki_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE smki_flags ${ARG_DEPS})
endfunction()

# smki_test(NAME SOURCES ... DEPS ... [LABEL l] [TIMEOUT s] [FIXTURE f]): one GoogleTest program; CTest sees each test.
# FIXTURE estate: the test copies the estate that CTest generates once (tests/harness).
include(GoogleTest)
function(smki_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT;FIXTURE" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE smki_flags GTest::gtest GTest::gmock GTest::gtest_main ${ARG_DEPS})
  # Tests are compiled often and run briefly; what they test is compiled as always.
  target_compile_options(${name} PRIVATE -O0 -g0 -U_FORTIFY_SOURCE)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  gtest_discover_tests(${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT} FIXTURES_REQUIRED "${ARG_FIXTURE}"
      ENVIRONMENT "SMKI_BIN=${CMAKE_BINARY_DIR}/bin;SMKI_TEST_ESTATE=${CMAKE_BINARY_DIR}/tests/estate")
endfunction()
