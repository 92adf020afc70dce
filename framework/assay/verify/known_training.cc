// Known values of initialisers and schedules.
#include "assay/verify/known_components.h"

namespace assay::verify {
namespace {

// Draws of Philox4x32-10 by (seed, FNV-1a of "init/known.weight", element), made by a program written from
// its paper, and scaled in mpmath 1.3.
constexpr const char* kDrawn =
    "by Philox4x32-10 written from its paper and the formula in mpmath at 60 digits";

}  // namespace

std::vector<KnownInitializer> known_initializers() {
  const Fans fans{4, 12};
  return {
      {"constant", {{"value", 0.75}}, fans, {{2}, "0.75 0.75"}, kPaper},
      {"zeros", {}, fans, {{2}, "0 0"}, kPaper},
      {"ones", {}, fans, {{2}, "1 1"}, kPaper},
      {"uniform",
       {{"low", -1.0}, {"high", 3.0}},
       fans,
       {{3}, "2.304929472056421513315172 1.2080783762384070811890524 2.0076941871602747013980661"},
       kDrawn},
      {"normal",
       {{"mean", 0.5}, {"std", 2.0}},
       fans,
       {{3}, "0.26410940026059891211531499 -1.81797360057844410528376 -0.92146502445287369618183644"},
       kDrawn},
      {"fan_in_uniform",
       {},
       fans,
       {{3}, "0.32623236801410537832879299 0.052019594059601770297263101 0.25192354679006867534951652"},
       kDrawn},
      {"glorot_uniform",
       {},
       fans,
       {{3}, "0.39955141960720904053754554 0.063710731036369639846389954 0.30854207191391562600516474"},
       kDrawn},
      {"glorot_normal",
       {},
       fans,
       {{3}, "-0.041699960673473037383213362 -0.40976371289510389652251124 -0.25128188950253214671019491"},
       kDrawn},
      {"he_uniform",
       {},
       fans,
       {{3}, "0.79910283921441808107509108 0.12742146207273927969277991 0.61708414382783125201032949"},
       kDrawn},
      {"he_normal",
       {},
       fans,
       {{3}, "-0.083399921346946074766426725 -0.81952742579020779304502248 -0.50256377900506429342038982"},
       kDrawn},
      {"lecun_uniform",
       {},
       fans,
       {{3}, "0.56505103647393839449434034 0.090100579900338418221025865 0.43634438266335429419832036"},
       kDrawn},
      {"lecun_normal",
       {},
       fans,
       {{3}, "-0.058972649934850271971171252 -0.57949340014461102632093999 -0.35536625611321842404545911"},
       kDrawn},
      // By Gram and Schmidt: rows of a wide matrix, columns of a tall one.
      {"orthogonal",
       {{"gain", 2.0}},
       fans,
       {{2, 3},
        "-0.1728564367698124168443364 -1.6985698351910915369663242 -1.0416242927496228359134938 "
        "-0.51948007592022297267110033 -0.9709594506182906897626191 1.6695443078807302201568172"},
       kDrawn},
      {"orthogonal",
       {{"gain", 2.0}},
       fans,
       {{3, 2},
        "-0.29400048351376056423437752 -1.0592780748833509400050217 -1.7716322945837171937104435 "
        "-0.61063178719212613590594514 -0.88027423481646224112089814 1.5827377485047773820276182"},
       kDrawn},
      {"orthogonal",
       {{"gain", 2.0}},
       fans,
       {{3, 5},
        "-0.15994633102289123293006 -1.571708975389559970145829 -0.9638286374691242952343912 "
        "-0.5880798062894829154148788 -0.4788993285661934343257757 1.6934215435416365472223 "
        "-0.7406407457040634533165816 0.6343975815257142457041247 0.4194590652107657679231737 "
        "0.07327047726625825100842258 -0.7938992724115529565142168 -0.5456054213143475926724929 "
        "1.176982606700342815798588 0.6572916725108496710507853 -1.120142075930350977123405"},
       kDrawn},
      {"orthogonal",
       {{"gain", 2.0}},
       fans,
       {{5, 3},
        "-0.1984577140067438243246431 -1.457626841496381402895489 -0.6019381336562545036065267 "
        "-0.7296758435367693982298377 -0.5659356540898041325256161 1.643137633905221531669202 "
        "-1.837882698494777905132656 0.3808013993535927544817428 -0.6673211291197558841285497 "
        "0.01898931745154376866210678 -1.184032430822084652004816 -0.3069307309891286456678611 "
        "0.2236387522465623334082677 0.0899906850241704739072371 -0.6310667447264104642370928"},
       kDrawn},
  };
}

std::vector<KnownSchedule> known_schedules() {
  const auto step = [](std::int64_t step) { return Progress{step, 0, 12, 1}; };
  const auto epoch = [](std::int64_t epoch) { return Progress{7 * epoch, epoch, 84, 12}; };
  const std::string per_epoch = "epoch";
  return {
      {"constant", {}, 0.5, step(11), "0.5", kPaper},
      {"constant", {{"warmup_steps", std::int64_t{4}}}, 0.5, step(0), "0.125", kPaper},
      {"constant", {{"warmup_steps", std::int64_t{4}}}, 0.5, step(3), "0.5", kPaper},
      {"step", {{"every", std::int64_t{3}}, {"gamma", 0.5}}, 1.0, step(2), "1", kPaper},
      {"step", {{"every", std::int64_t{3}}, {"gamma", 0.5}}, 1.0, step(3), "0.5", kPaper},
      {"step",
       {{"every", std::int64_t{3}}, {"gamma", 0.5}, {"per", per_epoch}},
       1.0,
       epoch(6),
       "0.25",
       kPaper},
      {"step",
       {{"every", std::int64_t{3}}, {"gamma", 0.5}, {"warmup_steps", std::int64_t{4}}},
       1.0,
       step(6),
       "1",
       kPaper},
      {"exponential", {{"gamma", 0.5}}, 1.0, step(0), "1", kPaper},
      {"exponential", {{"gamma", 0.5}}, 1.0, step(3), "0.125", kPaper},
      {"exponential", {{"gamma", 0.5}, {"per", per_epoch}}, 1.0, epoch(2), "0.25", kPaper},
      {"cosine", {{"min_learning_rate", 0.25}}, 1.25, step(0), "1.25", kPaper},
      {"cosine", {{"min_learning_rate", 0.25}}, 1.25, step(4), "1", kPaper},
      {"cosine", {{"min_learning_rate", 0.25}}, 1.25, step(6), "0.75", kPaper},
      {"cosine", {{"min_learning_rate", 0.25}}, 1.25, step(8), "0.5", kPaper},
      {"cosine", {{"min_learning_rate", 0.25}}, 1.25, step(12), "0.25", kPaper},
      // Of the 9 steps behind a warm-up of 3, a third.
      {"cosine", {{"warmup_steps", std::int64_t{3}}}, 1.0, step(6), "0.75", kPaper},
      {"cosine", {{"per", per_epoch}}, 1.0, epoch(4), "0.75", kPaper},
  };
}

}  // namespace assay::verify
