-- ffi.lua INCLUDE LIBRARY - LuaJIT reads the header as the C preprocessor leaves it, and calls the library.
local ffi = require "ffi"
local include, library = arg[1], arg[2]
local pipe = assert(io.popen("cpp -P -I" .. include .. " " .. include .. "/dialogs.h"))
ffi.cdef(pipe:read("*a"))
pipe:close()
local dlg = ffi.load(library)

local number = dlg.dlg_version_number()
assert(ffi.string(dlg.dlg_version()) == string.format("%d.%d.%d", number / 10000, number / 100 % 100, number % 100))

local uuid, text = ffi.new("dlg_uuid"), ffi.new("char[37]")
assert(dlg.dlg_uuid_parse(uuid, "387AC1C1-6581-4ace-a113-707c8585fe28", 36) == dlg.DLG_OK)
dlg.dlg_uuid_format(text, uuid)
assert(ffi.string(text) == "387ac1c1-6581-4ace-a113-707c8585fe28")

local options = ffi.new("dlg_list_options")
assert(dlg.dlg_list_options_init(options, 1) == dlg.DLG_OK)
assert(options.version == 1 and options.limit == 50 and options.before == nil)
assert(dlg.dlg_list_options_init(options, 99) == dlg.DLG_E_ARGUMENT)

local client, err = ffi.new("dlg_client *[1]"), ffi.new("dlg_error *[1]")
assert(dlg.dlg_open(client, "no conninfo", nil, err) == dlg.DLG_E_ARGUMENT)
assert(client[0] == nil and #ffi.string(dlg.dlg_error_message(err[0])) > 10)
dlg.dlg_error_free(err[0])
print("called " .. library)
