# dialogs_target(TARGET): the language, the warnings and the sanitizers of everything we build.
function(dialogs_target target)
  target_compile_features(${target} PRIVATE c_std_11)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -fno-strict-aliasing -fstack-protector-strong)
  if(DIALOGS_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(DIALOGS_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${DIALOGS_SANITIZE} -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${DIALOGS_SANITIZE})
  endif()
endfunction()
