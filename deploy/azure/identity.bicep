// Who the gateway is towards Azure OpenAI: an identity of its own, without any key, that may use one resource.

@description('Name of the identity.')
param name string

@description('The Azure OpenAI resource, in this resource group.')
param openAiAccount string

param location string = resourceGroup().location

// Cognitive Services OpenAI User: may call models, may not read keys or change deployments.
var openAiUser = '5e0bd9bd-7b93-4f28-af87-19fc36ad61bd'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
}

resource account 'Microsoft.CognitiveServices/accounts@2023-05-01' existing = {
  name: openAiAccount
}

resource mayCallModels 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, identity.id, openAiUser)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', openAiUser)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

output id string = identity.id
output principalId string = identity.properties.principalId
output clientId string = identity.properties.clientId
output endpoint string = account.properties.endpoint
