# Two INTERFACE targets carry every flag, so no target sets flags by hand:
#   tp_flags   linked PRIVATE by our code        (warnings, hardening, sanitizers, coverage)
#   tp_fuzz      linked PRIVATE by fuzz executables (adds libFuzzer's main)
include_guard(GLOBAL)

set(TP_SANITIZE "" CACHE STRING "Comma-separated -fsanitize= list, e.g. address,undefined or thread")
option(TP_WERROR "Treat warnings as errors" ON)
option(TP_COVERAGE "clang source-based coverage" OFF)
option(TP_REPRODUCIBLE "Leave the place of the build out of the programs" OFF)
option(TP_FUZZ "Build libFuzzer targets (clang only)" OFF)

add_library(tp_flags INTERFACE)
target_compile_features(tp_flags INTERFACE cxx_std_20)

target_compile_options(tp_flags INTERFACE
  -Wall -Wextra -Wpedantic
  -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast -Wcast-align -Wcast-qual
  -Wconversion -Wsign-conversion -Wdouble-promotion -Wformat=2 -Wimplicit-fallthrough
  -Wunused -Wundef -Wextra-semi -Wmissing-declarations
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wuseless-cast
    -Wsuggest-override -Wredundant-tags>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety -Wthread-safety-beta -Wunreachable-code
    -Wshorten-64-to-32 -Winconsistent-missing-destructor-override -Wloop-analysis -Wnull-dereference>
  # g++ 12 finds overlaps in its own std::string (GCC bug 105651, mended in 13), and -Wnull-dereference inside Boost.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
  # With optimization it also takes the members of a std::variant's other alternatives for uninitialized.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>,$<NOT:$<CONFIG:Debug>>>:-Wno-maybe-uninitialized>
  $<$<BOOL:${TP_WERROR}>:-Werror>
  -fno-omit-frame-pointer -fstack-protector-strong)
# Bounds-checks operator[] and friends in libstdc++; cheap, on in every build including release.
target_compile_definitions(tp_flags INTERFACE _GLIBCXX_ASSERTIONS)

if(TP_SANITIZE)
  target_compile_options(tp_flags INTERFACE -fsanitize=${TP_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(tp_flags INTERFACE -fsanitize=${TP_SANITIZE})
else()
  # FORTIFY and sanitizers interfere with each other; _FORTIFY_SOURCE also needs optimisation.
  target_compile_options(tp_flags INTERFACE
    $<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2;-fstack-clash-protection;-fcf-protection>)
  target_link_options(tp_flags INTERFACE LINKER:-z,relro,-z,now)
endif()
if(TP_REPRODUCIBLE)
  # Nothing of where and when it is built. Debian's ar, ranlib and ld make equal files of equal ones by themselves.
  target_compile_options(tp_flags INTERFACE
    -ffile-prefix-map=${PROJECT_SOURCE_DIR}=. -ffile-prefix-map=${PROJECT_BINARY_DIR}=./build -Werror=date-time)
  target_link_options(tp_flags INTERFACE LINKER:--build-id=sha1)
endif()
if(TP_COVERAGE)
  target_compile_options(tp_flags INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(tp_flags INTERFACE -fprofile-instr-generate -fcoverage-mapping)
endif()
if(TP_FUZZ)
  target_compile_options(tp_flags INTERFACE -fsanitize=fuzzer-no-link)
  add_library(tp_fuzz INTERFACE)
  target_link_options(tp_fuzz INTERFACE -fsanitize=fuzzer)
endif()
