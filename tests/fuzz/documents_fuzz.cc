// Signed documents, any octets: no crash, no over-read; what a parser accepts it renders again to the same octets (one
// text, one digest), and no text is two kinds of document.
#include <cstdlib>

#include "procedures/direction.h"
#include "procedures/documents.h"
#include "procedures/policy.h"
#include "procedures/population.h"

namespace {

using namespace smki;
using namespace smki::procedures;

template <typename Document>
int Accepted(const StatusOr<Document>& document, std::string (*render)(const Document&), std::string_view text) {
  if (!document.ok()) return 0;
  if (render(*document) != text) std::abort();
  return 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteSpan octets(data, size);
  const std::string_view text = AsText(octets);
  const auto population = ParsePopulation(octets);
  if (population.ok() && !std::equal(octets.begin(), octets.end(), EncodePopulation(*population).begin())) std::abort();
  const int kinds =
      Accepted(ParseDirection(text), &RenderDirection, text) + Accepted(ParsePolicy(text), &RenderPolicy, text) +
      Accepted<Rejection>(ParseRejection(text), &Render, text) +
      Accepted<CastingVote>(ParseCastingVote(text), &Render, text) +
      Accepted<PmaOrder>(ParsePmaOrder(text), &Render, text) +
      Accepted<Statement>(ParseStatement(text), &Render, text) +
      Accepted<CeremonyRequest>(ParseCeremonyRequest(text), &Render, text) +
      Accepted<SharePresentation>(ParseSharePresentation(text), &Render, text) + (population.ok() ? 1 : 0);
  if (kinds > 1) std::abort();
  return 0;
}
