// The gateway on Azure App Service (Linux container), with Azure OpenAI by managed identity. Written from Microsoft's
// reference and not run: there was no subscription to run it in. Try it beside what you have.
//
// App Service stops a container within 120 s, whatever it does: calls that last longer are cut by a new version or a
// restart. Where that is not good enough, take Container Apps (600 s) or Kubernetes (as long as you like).
//
//   az deployment group create -g my-group -f deploy/azure/app-service.bicep \
//     -p image=myregistry.azurecr.io/voice-gateway:0.1 registry=myregistry openAiAccount=my-openai \
//        deployment=my-realtime-deployment twilioAccountSid=AC… twilioAuthToken=… \
//        tokenSecret="$(openssl rand -hex 32)"

@description('Also the first part of its address: https://<name>.azurewebsites.net')
param name string = 'voice-gateway'
param location string = resourceGroup().location

@description('The image, such as myregistry.azurecr.io/voice-gateway:0.1')
param image string

@description('The container registry that holds it, in this resource group.')
param registry string

@description('The Azure OpenAI resource, in this resource group.')
param openAiAccount string

@description('The name of its deployment of a realtime model.')
param deployment string

@description('What Twilio calls; the app\'s own address unless a domain is bound to it.')
param publicUrl string = 'https://${name}.azurewebsites.net'

param twilioAccountSid string

@secure()
param twilioAuthToken string

@description('Signs the one-time tokens of media streams; the same for all instances.')
@secure()
param tokenSecret string

// The most that App Service grants, and the drain within it.
var stopSeconds = 120
var drainSeconds = 105

module identity 'identity.bicep' = {
  name: '${name}-identity'
  params: {
    name: name
    openAiAccount: openAiAccount
    location: location
  }
}

// AcrPull: may fetch images.
var acrPull = '7f951dda-4ed3-4680-a7ca-43fe172d538d'

resource images 'Microsoft.ContainerRegistry/registries@2023-07-01' existing = {
  name: registry
}

resource mayPull 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(images.id, name, acrPull)
  scope: images
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', acrPull)
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
  }
}

resource plan 'Microsoft.Web/serverfarms@2023-12-01' = {
  name: name
  location: location
  kind: 'linux'
  sku: {
    name: 'P1v3'
    capacity: 2
  }
  properties: {
    reserved: true
  }
}

resource site 'Microsoft.Web/sites@2023-12-01' = {
  name: name
  location: location
  kind: 'app,linux,container'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.outputs.id}': {}
    }
  }
  dependsOn: [
    mayPull
  ]
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    // A call's webhook and its media stream may come to different instances: the token secret is the same on all.
    clientAffinityEnabled: false
    siteConfig: {
      linuxFxVersion: 'DOCKER|${image}'
      acrUseManagedIdentityCreds: true
      acrUserManagedIdentityID: identity.outputs.clientId
      webSocketsEnabled: true
      alwaysOn: true
      http20Enabled: false
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      healthCheckPath: '/readyz'
      appSettings: [
        { name: 'WEBSITES_PORT', value: '8000' }
        { name: 'WEBSITES_CONTAINER_STOP_TIME_LIMIT', value: string(stopSeconds) }
        { name: 'WEBSITES_ENABLE_APP_SERVICE_STORAGE', value: 'false' }
        { name: 'GATEWAY_PUBLIC_URL', value: publicUrl }
        { name: 'GATEWAY_DRAIN_S', value: string(drainSeconds) }
        { name: 'GATEWAY_TOKEN_SECRET', value: tokenSecret }
        { name: 'TWILIO_ACCOUNT_SID', value: twilioAccountSid }
        { name: 'TWILIO_AUTH_TOKEN', value: twilioAuthToken }
        { name: 'AZURE_OPENAI_ENDPOINT', value: identity.outputs.endpoint }
        { name: 'AZURE_OPENAI_REALTIME_DEPLOYMENT', value: deployment }
        // No key: Entra ID, and this says which identity.
        { name: 'AZURE_CLIENT_ID', value: identity.outputs.clientId }
      ]
    }
  }
}

output voiceWebhook string = '${publicUrl}/twilio/voice'
