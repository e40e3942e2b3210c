# cmake -DROOT=… -DOUTPUT=embedded.cc -P embed.cmake: files as arrays of characters, for embedded.h.
set(text "#include \"provisioner/commands/embedded.h\"\n\nnamespace tp::provisioner {\n")

function(embed function pattern)
  file(GLOB files ${ROOT}/${pattern})
  list(SORT files)
  set(rows "")
  set(code "")
  foreach(file IN LISTS files)
    get_filename_component(name ${file} NAME)
    string(MAKE_C_IDENTIFIER "k_${function}_${name}" array)
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
    string(APPEND code "static constexpr char ${array}[] = {${bytes}};\n")
    string(APPEND rows "{\"${name}\", {${array}, sizeof(${array})}}, ")
  endforeach()
  string(APPEND text "\n${code}\nstd::span<const EmbeddedFile> ${function}() {\n"
    "  static constexpr EmbeddedFile kFiles[] = {${rows}};\n  return kFiles;\n}\n")
  set(text "${text}" PARENT_SCOPE)
endfunction()

embed(embedded_definitions crds/*.yaml)
embed(embedded_rules charts/team-provisioning/files/operator-*.yaml)
file(WRITE ${OUTPUT} "${text}\n}  // namespace tp::provisioner\n")
