#include "cli/margin.h"

#include "procedures/share_check.h"

namespace smki::cli {

using procedures::LossesBorne;

std::string MarginText(uint64_t shares, uint64_t needed, const std::string& one, const std::string& many) {
  const std::string have = fmt::format("{} {}, {} needed: ", shares, shares == 1 ? one : many, needed);
  const auto losses = LossesBorne(shares, needed);
  if (!losses) return have + fmt::format("{} too few to open the key", needed - shares);
  if (*losses == 0) return have + "no loss can be borne";
  return have + (*losses == 1 ? "1 more loss can be borne" : fmt::format("{} more losses can be borne", *losses));
}

std::string MarginWarning(const std::string& key, uint64_t shares, uint64_t needed) {
  const auto losses = LossesBorne(shares, needed);
  if (!losses) return fmt::format("nobody can open the {} key with these: find the other custodians now", key);
  if (*losses == 0) return fmt::format("the next share lost is the end of the {} key: appoint custodians now", key);
  if (*losses < procedures::kComfortableMargin) {
    return fmt::format("one share lost leaves the {} key no margin: appoint custodians before that", key);
  }
  return "";
}

Json MarginJson(const std::string& key, uint64_t shares, uint64_t needed) {
  const auto losses = LossesBorne(shares, needed);
  return {{"losses_borne", losses ? static_cast<int64_t>(*losses) : int64_t{-1}},
          {"warning", MarginWarning(key, shares, needed)}};
}

std::string MarginFact(const procedures::KeyCustody& key, const Style& style, size_t label_width, size_t indent) {
  const uint64_t shares = key.custodians.size();
  std::string out = Fact(key.key, MarginText(shares, key.threshold), label_width, indent);
  const std::string warning = MarginWarning(key.key, shares, key.threshold);
  if (!warning.empty()) out += Fact("", style.Warn("WARNING: " + warning), label_width, indent);
  return out;
}

}  // namespace smki::cli
