// estate.yaml (docs/formats/estate.md): what was made, for people and for the drill. Written last: with it the estate
// is whole.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "sim/authority/authority.h"

namespace smki::sim {

struct EstateFile {
  std::string id;           // "estate-7"
  std::string environment;  // drill
  uint64_t seed = 0;
  uint64_t devices = 0;
  uint64_t bystanders = 0;
  UtcTime generated;
  std::string full_date;
  std::string last_delta_date;
  uint64_t records = 0;  // in all extract files
  Digest policy{};       // the anchor of `smkictl ledger verify`
  std::string sim;       // HOST:PORT of smki-sim
  std::vector<Party> parties;
  const Party* FindParty(const std::string& party) const;
};

inline constexpr char kEstateFile[] = "estate.yaml";

std::string RenderEstate(const EstateFile& estate);
// `folder`/estate.yaml. kNotFound if the folder holds no (whole) estate.
StatusOr<EstateFile> ReadEstate(const std::string& folder);

}  // namespace smki::sim
