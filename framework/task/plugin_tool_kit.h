#pragma once

namespace affinis::task {

/// Keeps in the program what plug-ins may call: a linker takes from a static library only the objects that something refers to, and a
/// plug-in resolves its symbols when the program is long linked.
void keep_plugin_tool_kit();

}  // namespace affinis::task
