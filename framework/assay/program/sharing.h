// Sharing of buffers between the values of a compiled program, and where in the arena they lie: the last
// steps of Program::compile, when all steps and their slots stand.
#pragma once

#include "assay/program/compiled.h"

namespace assay {

/// Lets the step that makes the slot `successor` write into the state's slot `home`, and its readers read
/// there; returns false, and changes nothing, where a later step reads the state's old value or the step's
/// plan forbids it. REQUIRES: both have the same layout, and `successor` is no output of the program.
bool write_directly(Program::Compiled& program, int home, int successor);

/// Gives outputs the slots of inputs that die in the same step, as far as the steps' plans allow.
void share_in_place(Program::Compiled& program);

/// Offsets in the arena for every slot that lies there.
void plan_arena(Program::Compiled& program, bool reuse_memory);

}  // namespace assay
