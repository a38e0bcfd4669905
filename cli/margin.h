// How many more shares a key can lose, in words: the same in every command that speaks of it.
#pragma once

#include <string>

#include "cli/json.h"
#include "cli/text.h"
#include "procedures/policy.h"

namespace smki::cli {

// "5 custodians, 3 needed: 2 more losses can be borne". `what`: what is counted, "custodian" or "share proven alive".
std::string MarginText(uint64_t shares, uint64_t needed, const std::string& one = "custodian",
                       const std::string& many = "custodians");
// What to say and do when the margin is thin (1 or 0) or gone; empty if it is comfortable.
std::string MarginWarning(const std::string& key, uint64_t shares, uint64_t needed);
// {"losses_borne": 2, "warning": ""}; losses_borne is -1 if the key cannot be opened any more.
Json MarginJson(const std::string& key, uint64_t shares, uint64_t needed);
// MarginText of a key of the policy and, below it, the warning if there is one: lines of `Fact`.
std::string MarginFact(const procedures::KeyCustody& key, const Style& style, size_t label_width, size_t indent = 2);

}  // namespace smki::cli
