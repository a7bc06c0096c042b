# How this build tree runs its tests. DIALOGS_TEST_VARIANT, set by the presets other than dev, goes before the
# tests' names, so that one ctest can run several trees; those trees run the parts that they may judge differently.
set(DIALOGS_TEST_VARIANT "" CACHE STRING "Before the names of the tests: asan, tsan, valgrind or clang")

set(test_prefix "")
set(test_launcher "")
set(test_wrapper "")
set(test_timeout 300)
set(test_parts structure unit peer fuzz integration fake http clients cluster histories python headers docs dev sql packages)
set(test_environment ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1
  UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=second_deadlock_stack=1:halt_on_error=1)

if(DIALOGS_TEST_VARIANT)
  set(test_prefix ${DIALOGS_TEST_VARIANT}/)
  set(test_timeout 600)
  set(test_parts unit integration fake)
endif()

if(DIALOGS_TEST_VARIANT STREQUAL tsan)
  set(test_parts unit integration fake http)
elseif(DIALOGS_TEST_VARIANT STREQUAL asan)
  set(test_parts unit fuzz integration fake http)
elseif(DIALOGS_TEST_VARIANT STREQUAL clang)
  set(test_parts unit fuzz)
elseif(DIALOGS_TEST_VARIANT STREQUAL valgrind)
  find_program(VALGRIND valgrind REQUIRED)
  set(test_wrapper ${VALGRIND} --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,possible
    --fair-sched=yes)
endif()

# ThreadSanitizer of gcc 12 cannot map its shadow where a kernel spreads addresses over more than 28 bits.
if(DIALOGS_SANITIZE MATCHES thread AND EXISTS /proc/sys/vm/mmap_rnd_bits)
  file(STRINGS /proc/sys/vm/mmap_rnd_bits random_bits)
  if(random_bits GREATER 28)
    set(test_launcher setarch -R)
  endif()
endif()
