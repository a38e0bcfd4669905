#include "orchestrator/actions/party.h"

#include "procedures/reason.h"
#include "proto/rpc/channel.h"
#include "smki/estate/v1/estate.pb.h"

namespace smki::orchestrator {
namespace {

Status Judge(const std::string& party, Eui64 organisation, const estate::v1::FindPartyResponse& found) {
  if (found.party() == party) return OkStatus();
  const std::string whose = found.party().empty() ? "nobody the certificate authority knows" : found.party();
  return procedures::Refuse(procedures::Reason::kWRONG_PARTY,
                            fmt::format("the notification names {} with EUI-64 {}, which belongs to {}", party,
                                        organisation.ToString(), whose));
}

}  // namespace

void FindParty(Transport& estate, const std::string& party, Eui64 organisation, Millis deadline,
               std::function<void(const Status&)> done) {
  estate::v1::FindPartyRequest request;
  request.set_organisation(organisation.value());
  rpc::Call<estate::v1::FindPartyResponse>(
      estate, "/smki.estate.v1.CertificateAuthority/FindParty", request, deadline,
      [party, organisation, done = std::move(done)](const StatusOr<estate::v1::FindPartyResponse>& found) {
        done(found.ok() ? Judge(party, organisation, *found) : found.status());
      });
}

}  // namespace smki::orchestrator
