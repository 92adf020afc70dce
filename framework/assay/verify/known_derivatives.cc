// Known derivatives where a function has none, or only a limit: at its kinks, on ties, at a base of 0. What
// stands there is a convention, so that nothing but a table can say what is right; it is PyTorch's
// (the numbers below are 1.13's, but for hard_swish at ±3, where that goes on with the parabola: −½ and 1½).
#include "assay/verify/known_values.h"

namespace assay::verify {

std::vector<KnownDerivative> known_derivatives() {
  return {
      {"abs", {}, {{{4}, "-2 0 -0 3"}}, {{{4}, "2 4 1 -8"}}, {{{4}, "-2 0 0 -8"}}},
      {"huber",
       {{"delta", 0.5}},
       {{{4}, "0.5 -0.5 0 2"}, {{4}, "0 0 0 0"}},
       {{{}, "4"}},
       {{{4}, "0.5 -0.5 0 0.5"}, {{4}, "-0.5 0.5 0 -0.5"}}},
      {"log", {}, {{{2}, "0 4"}}, {{{2}, "2 2"}}, {{{2}, "inf 0.5"}}},
      // Ties share what comes back.
      {"max",
       {{"axes", std::vector<std::int64_t>{1}}},
       {{{2, 3}, "1 3 3 2 0 1"}},
       {{{2}, "6 4"}},
       {{{2, 3}, "0 3 3 4 0 0"}}},
      {"max_pool2d",  // the first of equals
       {{"size", std::vector<std::int64_t>{2, 2}}, {"stride", std::vector<std::int64_t>{1, 1}}},
       {{{1, 1, 2, 3}, "1 3 3 3 2 0"}},
       {{{1, 1, 1, 2}, "2 4"}},
       {{{1, 1, 2, 3}, "0 6 0 0 0 0"}}},
      {"maximum", {}, {{{3}, "1 2 3"}, {{3}, "2 2 1"}}, {{{3}, "2 4 8"}}, {{{3}, "0 2 8"}, {{3}, "2 2 0"}}},
      {"mean_absolute_error",
       {},
       {{{4}, "1 2 3 0"}, {{4}, "1 1 4 0"}},
       {{{}, "4"}},
       {{{4}, "0 1 -1 0"}, {{4}, "0 -1 1 0"}}},
      {"minimum", {}, {{{3}, "1 2 3"}, {{3}, "2 2 1"}}, {{{3}, "2 4 8"}}, {{{3}, "2 2 0"}, {{3}, "0 2 8"}}},
      // a^0 is 1 for every a, and 0^b is 0 for every b above 0: both are constant there.
      {"pow",
       {},
       {{{5}, "0 0 0 0 0"}, {{5}, "0 0.5 1 2 3"}},
       {{{5}, "2 2 2 2 2"}},
       {{{5}, "0 inf 2 0 0"}, {{5}, "0 0 0 0 0"}}},
      {"pow",
       {},
       {{{4}, "-2 -2 1 -1"}, {{4}, "3 2 5 0"}},
       {{{4}, "2 2 2 2"}},
       {{{4}, "24 -8 10 0"}, {{4}, "nan nan 0 nan"}}},
      {"pow",
       {},
       {{{3}, "2 4 0"}, {{3}, "0 -1 -1"}},
       {{{3}, "2 2 2"}},
       {{{3}, "0 -0.125 -inf"}, {{3}, "1.3862943611198906188344642 0.69314718055994530941723212 -inf"}}},
      {"sqrt", {}, {{{2}, "0 4"}}, {{{2}, "2 2"}}, {{{2}, "inf 0.5"}}},
      // At 0 the slope to the left; at ±3 that of the flat side, and of z.
      {"elu", {{"alpha", 0.5}}, {{{2}, "0 1"}}, {{{2}, "2 2"}}, {{{2}, "1 2"}}},
      {"hard_sigmoid", {}, {{{3}, "-3 0 3"}}, {{{3}, "6 6 6"}}, {{{3}, "0 1 0"}}},
      {"hard_swish", {}, {{{3}, "-3 0 3"}}, {{{3}, "2 2 2"}}, {{{3}, "0 1 2"}}},
      {"leaky_relu", {{"slope", 0.25}}, {{{2}, "0 1"}}, {{{2}, "2 2"}}, {{{2}, "0.5 2"}}},
      {"relu", {}, {{{3}, "-1 0 1"}}, {{{3}, "2 2 2"}}, {{{3}, "0 0 2"}}},
  };
}

}  // namespace assay::verify
